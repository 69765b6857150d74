// RabbitMQ and amqplib: no confirmed message is lost.
import { CLOCKS, FAULTS, MESSAGES, network, run, serve } from './network.mjs'

const SERVER = `
cd "$VNET_DISK" && export HOME="$VNET_DISK" RABBITMQ_MNESIA_BASE="$VNET_DISK" RABBITMQ_LOGS=-
export RABBITMQ_NODENAME=rabbit@localhost RABBITMQ_CONF_ENV_FILE=/dev/null RABBITMQ_CONFIG_FILE="$VNET_DISK/rabbit"
export RABBITMQ_ENABLED_PLUGINS_FILE="$VNET_DISK/plugins" RABBITMQ_LOG_BASE="$VNET_DISK"
printf 'loopback_users = none\\ndisk_free_limit.absolute = 1MB\\n' >rabbit.conf
exec /usr/lib/rabbitmq/bin/rabbitmq-server`

export const options = {
  strict: true,
  faults: [...FAULTS, ...CLOCKS],
  filter: `port 5672 and (${MESSAGES})`,
  timeout: '120s',
}

export default async function scenario({ lab }) {
  const [server, client] = await network(lab, 'client')
  await serve(server, SERVER, 'Server startup complete')
  const lines = await run(client, 'amqp-client.mjs')
  const kept = lines.pop().split(' ')
  const lost = lines.filter(each => !kept.includes(each))
  if (lost.length > 0) throw new Error(`confirmed messages are lost: ${lost}`)
}
