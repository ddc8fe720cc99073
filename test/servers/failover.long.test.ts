/** The deaths on MariaDB that failover.test.ts leaves out, and a failover without the rights for events on both. */
import { moreDeaths, withoutEventRights } from './failover.ts'

moreDeaths('mariadb')
withoutEventRights('mysql')
withoutEventRights('mariadb')
