/**
 * Imported first by a test file, this makes the lab take MariaDB 11.8 in that file's process, whatever else is installed.
 *
 * The one thing to understand: each test file is a process of its own, so the other files keep the usual line.
 */
process.env.HOTSPARE_MARIADB = '11.8'
