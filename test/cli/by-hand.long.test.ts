/** The command line on real servers, of both families. */
import { byHand } from './by-hand.ts'

byHand('mysql')
byHand('mariadb')
