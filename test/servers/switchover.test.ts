/** A switchover there and back on MySQL; everything else about them is in switchover.long.test.ts. */
import { thereAndBack } from './switchover.ts'

thereAndBack('mysql')
