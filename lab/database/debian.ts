/**
 * Gets a database server from Debian's packages without installing anything: apt downloads into a private folder, dpkg-deb
 * unpacks there, and the system's own package state is neither read nor changed.
 *
 * The one thing to understand: the server may come from another suite than the machine's, so it also needs that suite's C library
 * and is started through that suite's own dynamic loader. Needs apt and the Debian archive keyring (signatures are
 * verified), but not root.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { lastLines, runCommand } from './command.ts'

const keyrings = [
  '/usr/share/keyrings/debian-archive-keyring.gpg',
  '/usr/share/keyrings/debian-archive-keyring.pgp',
]
const downloadTimeoutMs = 600_000

/** Whether this machine has the tools for it. */
export async function hasDebianTools(): Promise<boolean> {
  const results = await Promise.all([
    runCommand('apt-get', ['--version'], { timeoutMs: 10_000 }),
    runCommand('dpkg-deb', ['--version'], { timeoutMs: 10_000 }),
  ])
  return results.every((result) => result.code === 0)
}

/**
 * Downloads `packageName` with everything it depends on from `suite` and unpacks all of it into `folder`. Returns the
 * package's version without its epoch, such as `9.7.4-2`. Throws an error that says what to do when there is no mirror, keyring or network.
 */
export async function unpackDebianPackage(request: {
  packageName: string
  /** Further packages that it only recommends and that are needed all the same. */
  alongside?: readonly string[]
  suite: string
  folder: string
  /** Dependencies that the server itself never loads, by the start of their names. */
  leaveOut: RegExp
  /** What a person can do instead, as a sentence. */
  otherwise: string
  onProgress: (text: string) => void
}): Promise<string> {
  const { otherwise } = request
  const mirror = await findMirror(otherwise)
  const keyring = keyrings.find((path) => existsSync(path))
  if (keyring === undefined) {
    throw new Error(
      `No Debian archive keyring to verify packages with: apt-get install debian-archive-keyring. ${otherwise}`,
    )
  }
  const apt = join(request.folder, 'apt')
  const options = [
    '-c',
    writeAptConfiguration(apt, `deb [signed-by=${keyring}] ${mirror} ${request.suite} main\n`),
  ]
  request.onProgress(`Reading the package list of Debian ${request.suite}`)
  await aptGet([...options, 'update', '--error-on=any'], otherwise)
  request.onProgress(`Downloading ${request.packageName} and its libraries`)
  const wanted = [request.packageName, ...(request.alongside ?? [])]
  const words = ['install', '--download-only', '--no-install-recommends', '--yes', ...wanted]
  await aptGet([...options, ...words], otherwise)
  const archives = readdirSync(join(apt, 'archives')).filter((name) => name.endsWith('.deb'))
  const own = archives.find((name) => name.startsWith(`${request.packageName}_`))
  if (own === undefined) throw new Error(`apt-get downloaded no ${request.packageName}. ${otherwise}`)
  request.onProgress(`Unpacking ${own}`)
  for (const archive of archives) {
    if (request.leaveOut.test(archive)) continue
    const result = await runCommand('dpkg-deb', ['-x', join(apt, 'archives', archive), request.folder], {
      timeoutMs: 60_000,
    })
    if (result.code !== 0) throw new Error(`dpkg-deb can't unpack ${archive}: ${lastLines(result.stderr, 3)}`)
  }
  rmSync(apt, { recursive: true, force: true })
  return decodeURIComponent(own.split('_')[1] ?? 'unknown').replace(/^\d+:/, '')
}

/**
 * The command prefix that starts a program of an unpacked tree: its own loader, with its own libraries only; `below` names folders
 * within the libraries' own that some of them lie in.
 * Throws if the tree has no loader.
 */
export function launchFromTree(tree: string, program: string, below: readonly string[] = []): string[] {
  // Up to Debian 12 the C library is in /lib, which installed systems have made the same as /usr/lib.
  const libraryFolders = ['lib', 'usr/lib'].flatMap((folder) => {
    if (!existsSync(join(tree, folder))) return []
    const names = readdirSync(join(tree, folder)).filter((name) => /-linux-gnu/.test(name))
    return names.map((name) => join(tree, folder, name))
  })
  for (const folder of libraryFolders) {
    const loader = readdirSync(folder).find((name) => /^ld-linux.*\.so\.\d+$/.test(name))
    if (loader === undefined) continue
    const all = libraryFolders.flatMap((each) => [each, ...below.map((name) => join(each, name))])
    return [join(folder, loader), '--library-path', all.join(':'), join(tree, program)]
  }
  throw new Error(`${tree} holds no dynamic loader; delete that folder to have it made again`)
}

async function aptGet(args: string[], otherwise: string): Promise<void> {
  const result = await runCommand('apt-get', args, {
    timeoutMs: downloadTimeoutMs,
    env: { DEBIAN_FRONTEND: 'noninteractive' },
  })
  if (result.code === 0) return
  throw new Error(
    `apt-get ${args.slice(2).join(' ')} failed:\n${lastLines(result.stderr || result.stdout, 6)}\n` +
      `Check the network and the machine's apt sources, then try again. ${otherwise}`,
  )
}

/**
 * The configuration that keeps apt to itself: an empty package state (so every library is resolved), own lists and archives.
 * It is read after the machine's own, so a proxy that is set there holds. Hooks of other programs are switched off.
 */
function writeAptConfiguration(apt: string, source: string): string {
  for (const folder of ['state', 'lists/partial', 'archives/partial', 'cache']) {
    mkdirSync(join(apt, folder), { recursive: true })
  }
  writeFileSync(join(apt, 'status'), '')
  writeFileSync(join(apt, 'sources.list'), source)
  const settings: Record<string, string> = {
    'Dir::Etc::SourceList': join(apt, 'sources.list'),
    'Dir::Etc::SourceParts': '/dev/null',
    'Dir::Etc::Preferences': '/dev/null',
    'Dir::Etc::PreferencesParts': '/dev/null',
    'Dir::State': join(apt, 'state'),
    'Dir::State::Lists': join(apt, 'lists'),
    'Dir::State::Status': join(apt, 'status'),
    'Dir::Cache': join(apt, 'cache'),
    'Dir::Cache::Archives': join(apt, 'archives'),
    'APT::Default-Release': '',
    'APT::Keep-Downloaded-Packages': 'true',
    'APT::Sandbox::User': '',
    'Acquire::Languages': 'none',
    'Debug::NoLocking': 'true',
  }
  const hooks = ['APT::Update::Pre-Invoke', 'APT::Update::Post-Invoke', 'APT::Update::Post-Invoke-Success']
  const lines = [
    ...hooks.map((name) => `#clear ${name};`),
    ...Object.entries(settings).map(([name, value]) => `${name} "${value}";`),
  ]
  const file = join(apt, 'apt.conf')
  writeFileSync(file, `${lines.join('\n')}\n`)
  return file
}

/** The mirror that this machine already uses for Debian, so that no host is written here. */
async function findMirror(otherwise: string): Promise<string> {
  const chosen = process.env.HOTSPARE_DEBIAN_MIRROR
  if (chosen !== undefined && chosen !== '') return chosen
  const format = '$(REPO_URI)|$(COMPONENT)|$(CREATED_BY)|$(ORIGIN)|$(RELEASE)'
  const result = await runCommand('apt-get', ['indextargets', '--format', format], { timeoutMs: 30_000 })
  const codename = debianCodename()
  for (const line of result.stdout.split('\n')) {
    const [uri, component, createdBy, origin, release] = line.split('|')
    if (uri === undefined || component !== 'main' || createdBy !== 'Packages') continue
    // Before the first `apt-get update` the origin is unknown; then the release's name tells Debian from others.
    if (origin === 'Debian' || (codename !== undefined && release === codename)) return uri
  }
  throw new Error(
    "This machine's apt sources name no Debian mirror. Set HOTSPARE_DEBIAN_MIRROR to the address of one " +
      `(what stands after "deb" in a Debian sources.list). ${otherwise}`,
  )
}

function debianCodename(): string | undefined {
  if (!existsSync('/etc/os-release')) return undefined
  const text = readFileSync('/etc/os-release', 'utf8')
  if (!/^ID=debian$/m.test(text)) return undefined
  return /^VERSION_CODENAME=(\S+)$/m.exec(text)?.[1]
}
