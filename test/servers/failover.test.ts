/** All deaths on MySQL, and a crash and a freeze on MariaDB; the other deaths there are in failover.long.test.ts. */
import { crashAndFreeze, moreDeaths } from './failover.ts'

crashAndFreeze('mysql')
moreDeaths('mysql')
crashAndFreeze('mariadb')
