/** First runs, restarts and strangers, on MariaDB 11.8. */
import './mariadb-11.8.ts'
import { adopting } from './adopting.ts'

adopting('mariadb')
