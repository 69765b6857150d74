/** A Node that is too old is refused in one line. off-linux.test.ts is about other systems. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const program = fileURLToPath(new URL('../../../dist/vnet.js', import.meta.url))

/** Runs `vnet --version` after `code`, which may make the process look like another one. */
function run(code: string) {
  const preload = `--import=data:text/javascript,${encodeURIComponent(code)}`
  const { status, stdout, stderr } = spawnSync(process.execPath, [preload, program, '--version'], {
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

const asNode = (version: string) =>
  `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`

test.each(['20.19.0', '22.0.0'])('vnet runs on Node %s', version => {
  expect(run(asNode(version))).toMatchObject({ status: 0, stderr: '' })
})

test.each(['16.20.2', '18.20.8', '20.18.3'])(
  'vnet refuses Node %s in one line with exit status 1',
  version => {
    const stderr = `vnet: Node 20.19 or newer is needed, and this is ${version}\n`
    expect(run(asNode(version))).toEqual({ status: 1, stdout: '', stderr })
  },
)
