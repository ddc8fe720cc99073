/** What stops a failover, on MySQL; on MariaDB in refusals.long.test.ts. */
import { refusals } from './refusals.ts'

refusals('mysql')
