/** MySQL's pair; MariaDB's is in pair.long.test.ts. */
import { pairSuite } from './pair.ts'

pairSuite('mysql')
