/** Runs of `vnet --version` by a Node that says that it is of another version. */
import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'

const program = resolve(import.meta.dirname, '../../../dist/vnet.js')

export function runOn(version: string) {
  const code = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`
  const preload = `--import=data:text/javascript,${encodeURIComponent(code)}`
  const { status, stdout, stderr } = spawnSync(process.execPath, [preload, program, '--version'], {
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

/** What such a run returns if the version is too old. */
export const tooOld = (version: string) => ({
  status: 1,
  stdout: '',
  stderr: `vnet: Node 20.19 or newer is needed, and this is ${version}\n`,
})
