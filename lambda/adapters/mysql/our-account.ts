/** Hotspare's account in SQL: the user name with which the asking session logged in. */
export const ourAccount = `SUBSTRING_INDEX(USER(), '@', 1)`
