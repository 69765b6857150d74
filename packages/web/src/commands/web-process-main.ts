/**
 * A process of `--web` or `--metrics`, which WebProcesses starts with KIND HOST PORT PID: serves
 * the vnet PID on the socket that is descriptor 3, until standard input ends, as it does with the
 * vnet.
 */

import { enterCommand } from 'vnet/internal/cli/rootless'
import { packageVersion } from 'vnet/internal/cli/version'
import { ControlClient, loadFilters, loadWireRequest, SERVED_TIMEOUT_MS } from 'vnet/internal/control/client/client'
import { loadNative } from 'vnet/internal/linux/native'
import { dropPrivileges } from 'vnet/internal/linux/privileges'
import { ownAccess } from '../http/token.ts'

// A terminal and systemd signal every process of theirs. This one ends with the vnet.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1']) process.on(signal, () => {})
for (const event of ['end', 'close']) process.stdin.on(event, () => process.exit())
process.stdin.resume()

const [kind = '', host = '', port, pid] = process.argv.slice(2)
const native = loadNative()
// If JavaScript hangs here, the end of standard input goes unnoticed.
native.dieWithParent()
if (process.ppid !== Number(pid)) process.exit()
const client = new ControlClient(native, { timeoutMs: SERVED_TIMEOUT_MS })
const served = { address: { host, port: Number(port), fd: 3 }, client, pid: Number(pid) }
if (kind === 'web') await serveWeb()
else {
  const { serveMetrics } = await import('../metrics/server.ts')
  const { snapshot } = await import('../metrics/snapshot.ts')
  await serveMetrics({ ...served, access: ownAccess('metrics') }, () => snapshot(client, { pid: served.pid }))
}
// Before the first request is read: that takes another turn of the event loop.
dropPrivileges(native, [])

async function serveWeb(): Promise<void> {
  const { serveWeb } = await import('../server.ts')
  // Without capabilities root may not be able to read its program, in the directory of a user.
  await loadWireRequest()
  const { compileFilter } = await loadFilters()
  try {
    compileFilter('ip')
  } catch {
    // Filters need libpcap.
  }
  await serveWeb({ ...served, access: ownAccess('web'), version: packageVersion(), enter: enterCommand(Number(pid)) })
}
