/**
 * Switchovers on real servers that take too long for `npm test`. Many in a row are in switchover-many.long.test.ts, interrupted ones in
 * switchover-killed.long.test.ts and switchover-cut-off.long.test.ts.
 */
import { FAMILIES } from '../../lab/database/family.ts'
import { switchovers, switchoversOfMysql, thereAndBack } from './switchover.ts'

switchoversOfMysql()
thereAndBack('mariadb')
for (const family of FAMILIES) switchovers(family)
