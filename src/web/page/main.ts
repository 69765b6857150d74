/** The page. Begins when it is loaded. */
import { h } from './dom.ts'

document.body.append(h('p', {}, 'vnet'))
