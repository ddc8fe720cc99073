/** What a returned writer alone has, on MariaDB 11.8. */
import './mariadb-11.8.ts'
import { strandedRows } from './stranded-rows.ts'

strandedRows('mariadb')
