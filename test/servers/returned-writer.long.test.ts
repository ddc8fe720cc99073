/** What a returned writer alone has, on MySQL and MariaDB; on MariaDB 11.8 in returned-writer-11.8.long.test.ts. */
import { FAMILIES } from '../../lab/database/family.ts'
import { returnedWriter } from './returned-writer.ts'

for (const family of FAMILIES) returnedWriter(family)
