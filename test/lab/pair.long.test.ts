/** MariaDB's pair; MySQL's is in pair.test.ts. */
import { pairSuite } from './pair.ts'

pairSuite('mariadb')
