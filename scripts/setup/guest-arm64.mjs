/**
 * Debian's arm64 kernel and busybox for a test of guests, in the cache of the tests. apt gets lists
 * of its own, so that neither its database nor dpkg's learns of another architecture.
 */

import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { capture, SetupError } from './command.mjs'

const META = 'linux-image-cloud-arm64'

/** Downloads and unpacks the packages if they are missing. Throws a SetupError of one line. */
export async function downloadArm64() {
  const cache = resolve('node_modules/.cache/vnet-tests')
  const root = join(cache, 'arm64')
  if (existsSync(root)) return
  process.stderr.write(`vnet: downloading ${META} and busybox-static with apt-get, into ${root}\n`)
  mkdirSync(cache, { recursive: true })
  const making = mkdtempSync(join(cache, 'making-'))
  const path = name => join(making, name)
  try {
    for (const name of ['lists/partial', 'archives/partial', 'root']) mkdirSync(path(name), { recursive: true })
    writeFileSync(path('status'), '')
    const settings = {
      'APT::Architecture': 'arm64',
      'APT::Architectures': 'arm64',
      'Dir::State::Lists': path('lists'),
      'Dir::State::status': path('status'),
      'Dir::Cache': making,
      'APT::Sandbox::User': 'root',
    }
    const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`])
    // Sources without arm64 are ignored.
    await capture('apt-get', [...options, '-q', 'update'])
    const { output } = await capture('apt-cache', [...options, 'depends', META])
    const [, image] = /Depends: (linux-image-\S+)/.exec(output) ?? []
    if (image === undefined) throw new SetupError(`vnet: apt offers no ${META}: add Debian's archive to its sources`)
    await succeed('apt-get', [...options, '-q', 'download', image, 'busybox-static'], making)
    for (const name of readdirSync(making).filter(each => each.endsWith('.deb'))) {
      await succeed('dpkg-deb', ['-x', name, 'root'], making)
    }
    renameSync(path('root'), root)
  } finally {
    rmSync(making, { recursive: true, force: true })
  }
}

async function succeed(program, args, cwd) {
  const { code, output } = await capture(program, args, { cwd })
  if (code !== 0) throw new SetupError(`vnet: the test of an arm64 guest: ${output.trim().split('\n').at(-1)}`)
}
