/** The deaths on MariaDB that failover.test.ts leaves out. */
import { moreDeaths } from './failover.ts'

moreDeaths('mariadb')
