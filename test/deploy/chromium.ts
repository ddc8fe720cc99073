/**
 * A real browser without a window: Chromium from Debian's packages, unpacked beside the lab's servers, spoken to over its DevTools
 * protocol.
 *
 * The one thing to understand: the browser starts its parts by asking the kernel for its own program, and that is the loader which
 * started it. So the loader lies beside the browser, where that looks for its files, and a script is named to it for its parts.
 * Nothing but this repository's own HTML is shown in it, and nothing is loaded from anywhere, so it runs without a sandbox.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, realpathSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { atEnd, removeFolder, temporaryFolder } from '../../lab/cleanup.ts'
import { launchFromTree } from '../../lab/database/debian.ts'
import { unpackedTree } from '../../lab/database/unpacked.ts'
import { type DevTools, openDevTools } from './devtools.ts'

const program = 'usr/lib/chromium/chromium-headless-shell'
const startTimeoutMs = 60_000

export interface Browser {
  readonly version: string
  readonly devTools: DevTools
  close(): Promise<void>
}

export async function startBrowser(onProgress: (text: string) => void = () => undefined): Promise<Browser> {
  const tree = await unpackedChromium(onProgress)
  const folder = temporaryFolder('browser')
  const starter = writeStarter(tree, folder)
  const child = spawn(
    starter,
    [
      '--headless',
      '--no-sandbox',
      // The zygote would be started from the loader itself.
      '--no-zygote',
      `--browser-subprocess-path=${starter}`,
      ...['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
      ...['--disable-component-update', '--disable-sync', '--no-proxy-server', '--hide-scrollbars'],
      // Nothing has a reason to look a name up, and nothing could.
      '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1',
      `--user-data-dir=${join(folder, 'profile')}`,
      '--remote-debugging-port=0',
    ],
    {
      env: { PATH: '/usr/bin:/bin', HOME: folder, TMPDIR: folder, FONTCONFIG_FILE: writeFonts(tree, folder) },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  )
  const forget = atEnd(() => child.kill('SIGKILL'))
  const devTools = await openDevTools(await addressSaidBy(child))
  return {
    version: basename(tree).replace('chromium-', ''),
    devTools,
    async close() {
      devTools.close()
      const ended = new Promise((done) => child.once('exit', done))
      child.kill('SIGKILL')
      await ended
      forget()
      removeFolder(folder)
    },
  }
}

/** Chromium says on stderr where it listens. */
function addressSaidBy(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = ''
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      fail(`did not listen within ${startTimeoutMs} ms`)
    }, startTimeoutMs)
    const fail = (why: string) => {
      clearTimeout(timer)
      reject(new Error(`Chromium ${why}:\n${said.slice(-2000)}`))
    }
    child.once('error', ({ message }) => fail(`does not start: ${message}`))
    child.once('exit', () => fail('ended'))
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said += text
      const address = /DevTools listening on (ws:\S+)/.exec(said)?.[1]
      if (address === undefined) return
      clearTimeout(timer)
      resolve(address)
    })
  })
}

function unpackedChromium(onProgress: (text: string) => void): Promise<string> {
  return unpackedTree({
    name: 'chromium',
    title: 'Chromium',
    packageName: 'chromium-headless-shell',
    // As wide as Arial, letter by letter, so that texts take the room that they take in people's browsers.
    alongside: ['fonts-liberation'],
    suite: 'stable',
    leaveOut: /^(perl|libperl|debconf|libllvm|libz3|mesa-libgallium|libgl1-mesa|x11-|xdg-|systemd|dbus)/,
    otherwise: 'Without it only npm run test:deploy cannot run.',
    onProgress,
  })
}

/** A script that starts the browser, or a part of it, from the tree. */
function writeStarter(tree: string, folder: string): string {
  const [loader = '', ...words] = launchFromTree(tree, program, ['pulseaudio'])
  const beside = join(tree, 'usr/lib/chromium/loader')
  if (!existsSync(beside)) copyFileSync(realpathSync(loader), beside)
  chmodSync(beside, 0o755)
  const file = join(folder, 'chromium')
  const quoted = [beside, ...words].map((word) => `'${word}'`).join(' ')
  writeFileSync(file, `#!/bin/sh\nexec ${quoted} "$@"\n`, { mode: 0o755 })
  return file
}

/** Only the tree's own fonts, so that every machine lays out the same. */
function writeFonts(tree: string, folder: string): string {
  const file = join(folder, 'fonts.conf')
  const alias = (family: string) =>
    `<alias binding="same"><family>${family}</family><prefer><family>Liberation Sans</family></prefer></alias>`
  writeFileSync(
    file,
    `<?xml version="1.0"?><fontconfig><dir>${join(tree, 'usr/share/fonts')}</dir>` +
      `<cachedir>${join(folder, 'fonts')}</cachedir>${alias('Arial')}${alias('sans-serif')}</fontconfig>\n`,
  )
  return file
}
