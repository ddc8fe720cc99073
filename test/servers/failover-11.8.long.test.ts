/** Crash, freeze and the other deaths on MariaDB 11.8. */
import './mariadb-11.8.ts'
import { crashAndFreeze, moreDeaths } from './failover.ts'

crashAndFreeze('mariadb')
moreDeaths('mariadb')
