/** The link to MariaDB, told in mysql-link.ts; to MySQL in mysql-link.test.ts. */
import { linkSuite } from './mysql-link.ts'

linkSuite('mariadb')
