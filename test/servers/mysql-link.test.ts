/** The link to MySQL, told in mysql-link.ts (T12 and T37 among the rest); to MariaDB in mysql-link.long.test.ts. */
import { linkSuite } from './mysql-link.ts'

linkSuite('mysql')
