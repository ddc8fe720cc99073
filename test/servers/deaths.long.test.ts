/** Deaths in a row, on MySQL and MariaDB; on MariaDB 11.8 in deaths-11.8.long.test.ts. */
import { FAMILIES } from '../../lab/database/family.ts'
import { deathsInARow } from './deaths.ts'

for (const family of FAMILIES) deathsInARow(family)
