/** The parts that an engine with CNI needs: an image's files, the plugins, and a chain of two. */
import { spawn, spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { builtFile } from '#src/linux/native.ts'
import { outcome } from '#support/netns.ts'

/** The programs of an image. */
const APPLETS = ['sh', 'sleep', 'httpd', 'head', 'md5sum']
/** Where Debian has the plugins of containernetworking-plugins. */
const PLUGINS = '/usr/lib/cni'

/** Whether busybox needs no shared libraries, which the image does not have. */
export function isBusyboxStatic(): boolean {
  return spawnSync('ldd', ['/bin/busybox']).status === 1
}

/** Makes the directory `root` in `directory` with busybox, and `root.tar` with its content. */
export async function makeRoot(directory: string): Promise<string> {
  const bin = join(directory, 'root/bin')
  mkdirSync(bin, { recursive: true })
  copyFileSync('/bin/busybox', join(bin, 'busybox'))
  for (const applet of APPLETS) {
    symlinkSync('busybox', join(bin, applet))
  }
  const archive = join(directory, 'root.tar')
  const args = ['-C', join(directory, 'root'), '-cf', archive, '.']
  await outcome(spawn('tar', args, { stdio: 'pipe' }))
  return archive
}

/** Copies the CNI plugins of a chain to the directory that is /opt/cni/bin of the engine. */
export function copyPlugins(directory: string): void {
  const to = join(directory, 'plugins')
  mkdirSync(to)
  for (const name of ['bridge', 'host-local', 'loopback']) {
    copyFileSync(join(PLUGINS, name), join(to, name))
  }
  copyFileSync(builtFile('vnet-cni', 'the CNI plugin'), join(to, 'vnet-cni'))
}

/** Writes the chain `pods`, a bridge and vnet's plugin with `own` in its configuration. */
export function writeChain(directory: string, own: object, cniVersion = '1.0.0'): void {
  const ipam = {
    type: 'host-local',
    dataDir: join(directory, 'ipam'),
    ranges: [[{ subnet: '198.18.2.0/24' }]],
  }
  const bridge = { type: 'bridge', bridge: 'cni0', isGateway: true, ipam }
  const annotations = { 'io.kubernetes.cri.pod-annotations': true }
  const plugins = [bridge, { type: 'vnet-cni', capabilities: annotations, ...own }]
  const chain = JSON.stringify({ cniVersion, name: 'pods', plugins })
  mkdirSync(join(directory, 'networks'), { recursive: true })
  writeFileSync(join(directory, 'networks/10-pods.conflist'), chain)
}
