/** What a returned writer alone has, on MariaDB 11.8. */
import './mariadb-11.8.ts'
import { returnedWriter } from './returned-writer.ts'

returnedWriter('mariadb')
