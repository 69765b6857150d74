/** Starts the page when the module is loaded. */
import { controlsView } from './controls.ts'
import { driverView } from './driver.ts'
import { framesView } from './frames.ts'
import { labsView } from './labs.tsx'
import { lanView } from './lan.ts'
import { Page } from './page.ts'
import { stepView } from './step.ts'
import { trafficView } from './traffic.ts'

document.body.append(new Page([driverView, trafficView, framesView, controlsView, lanView, stepView, labsView]).element)
