/** Deaths in a row, on MariaDB 11.8. */
import './mariadb-11.8.ts'
import { deathsInARow } from './deaths.ts'

deathsInARow('mariadb')
