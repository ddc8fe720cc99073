/** First runs, restarts and strangers, on MariaDB; on MySQL in adopting.test.ts. */
import { adopting } from './adopting.ts'

adopting('mariadb')
