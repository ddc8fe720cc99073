/** A switchover there and back on MariaDB 11.8. */
import './mariadb-11.8.ts'
import { thereAndBack } from './switchover.ts'

thereAndBack('mariadb')
