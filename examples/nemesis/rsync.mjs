// rsync and its daemon: a file of the destination is absent or whole, and whole after a retry.
import { CLOCKS, FAULTS, MESSAGES, network, run, serve } from './network.mjs'

const SERVER = `
cd "$VNET_DISK"
[ -e source ] || { mkdir source; head -c 200000 /dev/urandom >source/file; }
printf 'use chroot = no\n[files]\npath = %s/source\n' "$VNET_DISK" >conf
echo ready
exec rsync --daemon --no-detach --log-file=/dev/stderr --config=conf`

export const options = {
  strict: true,
  faults: [...FAULTS, ...CLOCKS],
  filter: MESSAGES,
  timeout: '20s',
}

export default async function scenario({ lab }) {
  const [server, client] = await network(lab, 'client')
  await client.disk()
  await serve(server, SERVER, 'ready')
  await run(client, 'rsync-client.mjs')
}
