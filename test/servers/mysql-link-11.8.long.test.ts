/** The link to MariaDB 11.8, told in mysql-link.ts. */
import './mariadb-11.8.ts'
import { linkSuite } from './mysql-link.ts'

linkSuite('mariadb')
