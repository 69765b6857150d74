/**
 * Debian's arm64 kernel and busybox for a test of guests, in the cache of the tests. apt gets lists
 * of its own, so that neither its database nor dpkg's learns of another architecture.
 */

import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { capture, SetupError } from './command.mjs'
import { withKernels } from './guest-kernel.mjs'

const META = 'linux-image-cloud-arm64'

/** Downloads and unpacks the packages if they are missing. Throws a SetupError of one line. */
export async function downloadArm64() {
  const root = resolve('node_modules/.cache/vnet-tests/arm64')
  if (existsSync(root)) return
  process.stderr.write(`vnet: downloading ${META} and busybox-static with apt-get, into ${root}\n`)
  mkdirSync(dirname(root), { recursive: true })
  const apt = mkdtempSync(join(tmpdir(), 'vnet-apt-'))
  const path = name => join(apt, name)
  try {
    for (const name of ['lists/partial', 'archives/partial']) {
      mkdirSync(path(name), { recursive: true })
    }
    writeFileSync(path('status'), '')
    const settings = {
      'APT::Architecture': 'arm64',
      'APT::Architectures': 'arm64',
      'Dir::State::Lists': path('lists'),
      'Dir::State::status': path('status'),
      'Dir::Cache': apt,
      'APT::Sandbox::User': 'root',
    }
    const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`])
    // Sources without arm64 are ignored.
    await capture('apt-get', [...options, '-q', 'update'])
    const { output } = await capture('apt-cache', [...options, 'depends', META])
    const [, image] = /Depends: (linux-image-\S+)/.exec(output) ?? []
    if (image === undefined) {
      throw new SetupError(`vnet: apt offers no ${META}: add Debian's archive to its sources`)
    }
    await withKernels('the test of an arm64 guest', ({ downloadPackages }) => {
      downloadPackages([...options, image, 'busybox-static'], root)
    })
  } finally {
    rmSync(apt, { recursive: true, force: true })
  }
}
