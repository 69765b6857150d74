/** A browser without a window that checks drivers, in a page which is served as static files. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { extname, join, relative } from 'node:path'
import { text as textOf } from 'node:stream/consumers'
import { bundleCourse } from '../../../../scripts/course-bundle.mjs'
import type { BrowserName } from '../../../web/test/support/web/browser.ts'
import type { Result } from '../../src/exercise.ts'

export interface Case {
  readonly name: string
  readonly exercise: string
  readonly text: string
}

export interface Checked {
  readonly name: string
  readonly results: readonly Result[]
  /** The exception of checkInBrowser. */
  readonly thrown?: string
}

/** A page with the script page.js. */
export const PAGE =
  '<!doctype html><meta charset="utf-8"><script type="module" src="page.js"></script>'
const TYPES: Readonly<Record<string, string>> = { '.js': 'text/javascript', '.html': 'text/html' }

const ARGUMENTS: Readonly<Record<BrowserName, (profile: string) => readonly string[]>> = {
  chromium: profile => ['--headless', '--no-sandbox', `--user-data-dir=${profile}`],
  'firefox-esr': profile => ['--headless', '--no-remote', '--profile', profile],
}

/** Writes the bundle into a directory, with a page that checks the cases which it is served. */
export async function writeSite(directory: string): Promise<void> {
  await bundleCourse(directory, { page: join(import.meta.dirname, 'check-page.ts') })
  writeFileSync(join(directory, 'index.html'), PAGE)
}

interface Served {
  /** The contents of cases.json. */
  readonly cases?: readonly Case[]
  /** Gets the paths of all requests. */
  readonly asked?: string[]
}

/** Serves the files of the directory below a path, and returns the results that the page posts. */
export async function checkedIn<T = Checked>(
  browser: BrowserName,
  directory: string,
  { cases, asked = [] }: Served = {},
): Promise<T[]> {
  if (cases !== undefined) {
    writeFileSync(join(directory, 'cases.json'), JSON.stringify(cases))
  }
  const found: T[] = []
  let end = () => {}
  const ended = new Promise<void>(resolve => {
    end = resolve
  })
  const server = createServer(async (request, response) => {
    asked.push(`${request.url}`)
    if (request.method === 'POST') {
      const checked = JSON.parse(await textOf(request)) as T | null
      response.end()
      if (checked === null) {
        end()
      } else {
        found.push(checked)
      }
      return
    }
    const file = join(directory, relative('/site', `${request.url}`) || 'index.html')
    const isFile = existsSync(file)
    response.writeHead(isFile ? 200 : 404, { 'content-type': TYPES[extname(file)] ?? 'text/plain' })
    response.end(isFile ? readFileSync(file) : '')
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const profile = mkdtempSync(join(tmpdir(), 'vnet-browser-'))
  const { port } = server.address() as AddressInfo
  const args = [...ARGUMENTS[browser](profile), `http://127.0.0.1:${port}/site/`]
  const child = spawn(browser, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, HOME: profile },
  })
  child.stderr.resume()
  const exited = once(child, 'exit')
  // When its processes have ended, too, which share the pipe: they write into the profile.
  const closed = once(child, 'close')
  try {
    await Promise.race([
      ended,
      exited.then(([status]) => Promise.reject(new Error(`${browser} ended: ${status}`))),
    ])
    return found
  } finally {
    child.kill()
    await closed
    server.closeAllConnections()
    server.close()
    rmSync(profile, { recursive: true, force: true })
  }
}
