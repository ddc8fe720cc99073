/** What `hotspare` ends with. Scripts go by these, so they never change their meaning. */
export const DONE = 0
/** It was refused, or the pair is not well. */
export const REFUSED = 1
/** The command line, the request or the configuration can't be understood; nothing was done. */
export const WRONG_USAGE = 2
