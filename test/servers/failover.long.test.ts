/** The deaths that failover.test.ts leaves out, and a failover without the rights for events, on both families. */
import { moreDeaths, withoutEventRights } from './failover.ts'

for (const family of ['mysql', 'mariadb'] as const) {
  moreDeaths(family)
  withoutEventRights(family)
}
