// What the pages do beyond HTML. Every page works without it.
import "./copy.js";
import "./dialog.js";
import "./key.js";
import "./nav.js";
import "./once.js";
import "./passkey.js";
import "./time.js";
