/** First runs, restarts and strangers, on MySQL; on MariaDB in adopting.long.test.ts. */
import { adopting } from './adopting.ts'

adopting('mysql')
