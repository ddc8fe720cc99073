/** A crash and a freeze on both families; the other deaths are in failover.long.test.ts. */
import { crashAndFreeze } from './failover.ts'

crashAndFreeze('mysql')
crashAndFreeze('mariadb')
