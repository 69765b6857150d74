// mosquitto and mqtt.js with its default `resubscribe: true`: a defect of mqtt.js 5.16.0.
import mqtt from './mqtt.mjs'

export { options } from './mqtt.mjs'

export default run => mqtt(run, 'resubscribe')
