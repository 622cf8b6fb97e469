import { start } from "./page.js";
import * as server from "./server.js";

start(server);
