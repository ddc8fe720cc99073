/** What stops a failover, on MariaDB 11.8. */
import './mariadb-11.8.ts'
import { refusals } from './refusals.ts'

refusals('mariadb')
