import * as engine from "./engine.js";
import { start } from "./page.js";

start(engine);
