/** The project's own files, as a fresh clone has them: without what is installed, built or unpacked. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'

export const projectDir = join(import.meta.dirname, '..')
const notOurs = new Set(['node_modules', '.git', '.lab', 'dist', 'cdk.out'])

/** Paths relative to the project, sorted, of files under `folders` whose names end in one of `endings`. */
export function filesIn(folders: readonly string[], endings: readonly string[]): string[] {
  const found: string[] = []
  const walk = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name)
      if (entry.isDirectory() && !notOurs.has(entry.name)) walk(path)
      if (entry.isFile() && endings.some((ending) => entry.name.endsWith(ending))) {
        found.push(relative(projectDir, path))
      }
    }
  }
  for (const folder of new Set(folders)) {
    try {
      walk(join(projectDir, folder))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
  return found.sort()
}

export function textOf(path: string): string {
  return readFileSync(join(projectDir, path), 'utf8')
}

/** `path:line: text` of each line that matches, for messages that lead there. */
export function linesWith(paths: readonly string[], pattern: RegExp): string[] {
  return paths.flatMap((path) =>
    textOf(path)
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])),
  )
}
