/** The recipes of run.md, word for word, against servers of the stand-in for the Internet. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ended } from '#support/ordinary-user.ts'
import {
  files,
  GREETING,
  gitRepository,
  npmRegistry,
  type Place,
  type Serve,
} from '../support/program-servers.ts'
import { triedPrograms } from '../support/run-tried.ts'

const page = readFileSync(new URL('../../docs/run.md', import.meta.url), 'utf8')
const [, section = ''] = page.split('\n## Recipes\n')

/** Returns the command of a recipe. */
function recipe(name: string): string {
  const [, command] = new RegExp(`^\\| ${name} \\| \`([^\`]+)\``, 'm').exec(section) ?? []
  return command ?? expect.fail(`no recipe for ${name}`)
}

interface Recipe {
  readonly name: string
  readonly serve: Serve
  readonly url?: string
  /** What a machine without a screen needs. */
  readonly headless?: readonly [from: string, to: string]
  readonly after?: string
  readonly output: RegExp
}

/** A project with a lock file, a registry, and its authority. */
const npmProject: Serve = async (place: Place) => {
  await npmRegistry(place)
  const { versions } = JSON.parse(readFileSync(join(place.site, 'www/npm/hello-afar'), 'utf8'))
  const { tarball: resolved, integrity } = versions['1.0.0'].dist
  const manifest = { name: 'project', version: '1.0.0', dependencies: { 'hello-afar': '1.0.0' } }
  const packages = {
    '': manifest,
    'node_modules/hello-afar': { version: '1.0.0', resolved, integrity },
  }
  const write = (name: string, text: string) => writeFileSync(join(place.home, name), text)
  write('package.json', JSON.stringify(manifest))
  write(
    'package-lock.json',
    JSON.stringify({ ...manifest, lockfileVersion: 3, requires: true, packages }),
  )
  write('.npmrc', 'registry=https://example.test/npm\ncafile=/etc/ssl/certs/ca-certificates.crt\n')
}

const pythonTest: Serve = async (place: Place) => {
  await files(place)
  const test = `from urllib.request import urlopen
def test_hello():
    assert urlopen('https://example.test/hello').read() == b'${GREETING}\\n'
`
  writeFileSync(join(place.home, 'test_hello.py'), test)
}

const RECIPES: readonly Recipe[] = [
  {
    name: 'npm',
    serve: npmProject,
    after: 'node -p \'require("hello-afar")\'',
    output: new RegExp(GREETING),
  },
  { name: 'curl', serve: files, url: 'https://example.test/bytes/100000', output: /^\d\.\d+\n$/ },
  {
    name: 'git',
    serve: gitRepository,
    url: 'https://example.test/git/hello.git',
    after: 'cat hello/greeting',
    output: new RegExp(GREETING),
  },
  {
    name: 'Chromium',
    serve: files,
    url: 'http://example.test/page.html',
    headless: ['chromium', 'chromium --headless --dump-dom'],
    output: /fetched: hello from afar/,
  },
  {
    name: 'Firefox',
    serve: files,
    url: 'http://example.test/page.html',
    headless: ['firefox', 'firefox-esr --headless --screenshot $HOME/page.png'],
    after: 'head -c4 page.png | tail -c3',
    output: /PNG/,
  },
  { name: 'Python', serve: pythonTest, output: /(?:1 passed[\s\S]*){20}/ },
]

const { open, report } = triedPrograms()

test.each(RECIPES)(
  'the recipe for $name does as it says',
  async ({ name, serve, url = '', headless, after, output }) => {
    const { user } = await open(serve)
    const vnet = `vnet() { shift; ${user.at(-2)} ${user.at(-1)} run --quiet --json ${report} "$@"; }`
    const command = recipe(name)
      .replace(...(headless ?? ['', '']))
      .replace('URL', url)
    const script = `${vnet}; cd; ${command}; ${after ?? ''}`
    const { status, stdout, stderr } = ended([...user.slice(0, -2), 'sh', '-ec', script])
    expect({ status, stdout, stderr }).toEqual({
      status: 0,
      stdout: expect.stringMatching(output),
      stderr: expect.any(String),
    })
    const runs = [JSON.parse(readFileSync(report, 'utf8'))].flat()
    expect(runs.filter(({ out, in: into }) => Math.min(out.packets, into.packets) === 0)).toEqual(
      [],
    )
  },
)
