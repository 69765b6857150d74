// PostgreSQL and a pool of pg: no acknowledged row is lost or stored twice.
import { readdirSync } from 'node:fs'
import { CLOCKS, FAULTS, MESSAGES, network, run, serve } from './network.mjs'

// The one version that Debian has.
const [version] = readdirSync('/usr/lib/postgresql')
const USER = `setpriv --reuid=postgres --regid=postgres --clear-groups /usr/lib/postgresql/${version}/bin`
const SERVER = `
cd "$VNET_DISK"
if ! [ -e ready ]; then
  install -d -o postgres data
  ${USER}/initdb -D data --auth=trust --no-sync --wal-segsize=1 >/dev/null
  echo "host all all all trust" >>data/pg_hba.conf
  touch ready
fi
exec ${USER}/postgres -D data -c listen_addresses='*' -c unix_socket_directories=`

export const options = {
  strict: true,
  faults: [...FAULTS, ...CLOCKS, 'full 1s on server'],
  filter: MESSAGES,
  timeout: '25s',
}

export default async function scenario({ lab }) {
  const [server, client] = await network(lab, 'client')
  await serve(server, SERVER, 'ready to accept connections')
  const lines = await run(client, 'postgresql-client.mjs')
  const [kept, acknowledged] = [lines.pop().split(' '), lines]
  const lost = acknowledged.filter(each => !kept.includes(each))
  if (lost.length > 0) throw new Error(`acknowledged rows are lost: ${lost}`)
  if (new Set(kept).size < kept.length) throw new Error(`a row is there twice: ${kept}`)
}
