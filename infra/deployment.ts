/**
 * Reads hotspare.json for a deployment.
 *
 * The one thing to understand: a configuration can be right for a host and still be wrong for Lambda, because Lambda has no
 * environment variable with a password in it. So the stack asks for more than the function does, in the same words:
 * path, value, mend.
 */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Configuration, ConfigurationError, loadConfiguration, type Problem } from '../lambda/config.ts'

export interface Deployment {
  readonly configuration: Configuration
  /** The absolute path of the file that it was read from. */
  readonly file: string
}

/**
 * The configuration to deploy: the file that HOTSPARE_CONFIG names, else hotspare.json in `projectDir`.
 *
 * @throws ConfigurationError with every problem; one that says to copy the example if there is no file at all.
 */
export function readDeployment(projectDir: string, named = process.env.HOTSPARE_CONFIG): Deployment {
  const file = resolve(projectDir, named === undefined || named === '' ? 'hotspare.json' : named)
  if (!existsSync(file)) {
    const mend =
      'copy hotspare.example.json to hotspare.json and fill in your servers, or name another file with HOTSPARE_CONFIG'
    throw new ConfigurationError(file, [{ path: '', value: 'no such file', mend }])
  }
  const configuration = loadConfiguration(file)
  const problems = Object.entries(configuration.pairs).flatMap(([name, pair]) => deployProblems(name, pair))
  if (problems.length > 0) throw new ConfigurationError(file, problems)
  return { configuration, file }
}

function deployProblems(name: string, { credentials }: Configuration['pairs'][string]): Problem[] {
  if ('secretId' in credentials) return []
  const mend =
    'put the account into Secrets Manager and give { "secretId": "..." }; environment variables are for local use only'
  return [{ path: `pairs.${name}.credentials`, value: '(not shown)', mend }]
}
