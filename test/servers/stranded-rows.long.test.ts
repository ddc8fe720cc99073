/** What a returned writer alone has, on MySQL and MariaDB; on MariaDB 11.8 in stranded-rows-11.8.long.test.ts. */
import { FAMILIES } from '../../lab/database/family.ts'
import { strandedRows } from './stranded-rows.ts'

for (const family of FAMILIES) strandedRows(family)
