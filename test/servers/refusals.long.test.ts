/** What stops a failover, on MariaDB; on MySQL in refusals.test.ts. */
import { refusals } from './refusals.ts'

refusals('mariadb')
