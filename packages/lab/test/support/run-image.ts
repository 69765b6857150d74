/** An image in which `vnet run` runs. Its containers mount the programs of this machine. */
import { spawn } from 'node:child_process'
import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { outcome } from '#support/netns.ts'
import { SERVER_ADDRESS } from './internet.ts'

export const TREE = fileURLToPath(new URL('../../../../', import.meta.url))

/** Returns options of `docker run` and `podman run` that mount the programs, and vnet's tree. */
export const mountsOf = (tree: string): string[] =>
  ['/usr:/usr', '/etc/alternatives:/etc/alternatives', `${tree}:/vnet`].flatMap(paths => [
    '-v',
    `${paths}:ro`,
  ])

/** Prints the user id, and what the server returns, by its address and by its name. */
export const COMMAND = [
  ...['node', '/vnet/dist/vnet.js', 'run', '--quiet', '--wire', 'delay 1ms', '--', 'sh', '-c'],
  `id -u; ping -qc1 ${SERVER_ADDRESS} | grep -c ' 0%'; for at in ${SERVER_ADDRESS} name.test; do curl -sS http://$at/; done`,
]

/** Makes a device file that every user may open, for --device, and the archive of the image. */
export async function makeRunImage(
  directory: string,
): Promise<{ readonly archive: string; readonly tun: string }> {
  const root = join(directory, 'root')
  for (const name of ['usr', 'etc', 'proc', 'sys', 'dev', 'run', 'tmp', 'vnet', 'root']) {
    mkdirSync(join(root, name), { recursive: true })
  }
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) {
    symlinkSync(`usr/${name}`, join(root, name))
  }
  const script = `
    cd "$1"; chmod 755 .; mknod -m 666 tun c 10 200; chmod 1777 root/tmp
    printf '%s\\n' root:x:0:0::/root:/bin/sh nobody:x:65534:65534::/:/bin/sh > root/etc/passwd
    tar -C root -cf root.tar .`
  await outcome(spawn('sh', ['-ec', script, 'sh', directory], { stdio: 'pipe' }))
  return { archive: join(directory, 'root.tar'), tun: join(directory, 'tun') }
}
