// Denoise the current image with n2d (https://pypi.org/p/noise2detail), and show the result as a new image.
//
// For ImageJ 1.53 or newer, or Fiji. `n2d fiji FOLDER` puts it into the menu Plugins of the Fiji in FOLDER.
// In macros: run("Denoise with n2d", "method=bm3d recipe=default");
// without a window: imagej -batch Denoise_with_n2d.ijm "method=bm3d program=[/home/me/my env/bin/n2d]"
//
// The whole image goes to n2d, a selection is ignored. Neither the image nor any file is changed.

// n2d fiji writes into its copy where it is itself
var PROGRAM = "";
var METHODS = newArray("auto", "noise2detail", "bm3d", "noise2void", "zs_n2n", "nlm", "gaussian", "median");
var RECIPES = newArray("default", "fast", "standard", "best");
var KEY = "noise2detail.program";

if (nImages == 0) exit("Denoise with n2d: no image is open.\nOpen one and start again.");
var headless = matches(call("java.awt.GraphicsEnvironment.isHeadless"), "true");
wish = getArgument();
method = valueOf(wish, "method", METHODS[0]);
recipe = valueOf(wish, "recipe", RECIPES[0]);
options = valueOf(wish, "options", "");
program = findProgram(valueOf(wish, "program", ""));
if (wish == "" && !headless) {
    Dialog.create("Denoise with n2d");
    Dialog.addChoice("Method", METHODS, method);
    Dialog.addChoice("Recipe", RECIPES, recipe);
    Dialog.addString("Options", options, 30);
    if (selectionType() >= 0) Dialog.addMessage("The selection is ignored: the whole image is denoised.");
    Dialog.addMessage("Options are those of n2d denoise, such as --channels each.\nOK starts; the result is a new image.");
    Dialog.show();
    method = Dialog.getChoice();
    recipe = Dialog.getChoice();
    options = Dialog.getString();
}
denoise(program, method, recipe, options);

function denoise(program, method, recipe, options) {
    original = getImageID();
    name = getTitle();
    outside = is("Batch Mode");
    if (!outside) setBatchMode(true);
    folder = newFolder();
    source = folder + "image.tif";
    target = folder + "denoised.tif";
    saveCopy(original, source);
    showStatus("n2d is at work on " + name);
    command = newArray(program, "denoise", source, "-o", target, "--quiet", "--json", "--method", method);
    if (recipe != "default") command = Array.concat(command, "--recipe", recipe);
    words = split(options, " ");
    for (i = 0; i < words.length; i++) if (words[i] != "") command = Array.concat(command, words[i]);
    said = execute(command);
    done = File.exists(target);
    if (done) bringBack(original, target, name);
    remove(folder);
    showStatus("");
    if (!outside) setBatchMode("exit and display");
    if (!done) exit("n2d made no result of " + name + ":\n" + wrapped(reason(said, command)));
}

// An image takes the name and the place of the file that it is saved to or was opened from, so what is saved and what is
// shown are duplicates. run("Duplicate...") and open(...) need a menu, and where there is no window there is none.
function duplicate(image) {
    imageCalculator("copy create stack", image, image);
    return getImageID();
}

function saveCopy(original, path) {
    duplicate(original);
    saveAs("Tiff", path);
    close();
}

function bringBack(original, path, name) {
    opening = call("ij.IJ.runPlugIn", "ij.plugin.FileInfoVirtualStack", path);
    opened = getImageID();
    note = getMetadata("Info");
    result = duplicate(opened);
    selectImage(opened);
    close();
    dressLike(original, result, note);
    selectImage(result);
    dot = lastIndexOf(name, ".");
    if (dot <= 0) dot = lengthOf(name);
    rename(substring(name, 0, dot) + "_denoised" + substring(name, dot));
}

// calibration and labels come with the file, all else from the image
function dressLike(original, result, note) {
    selectImage(original);
    Stack.getPosition(channel, slice, frame);
    Stack.getDimensions(width, height, channels, slices, frames);
    info = getMetadata("Info");
    properties = split(Property.getList, "\n");
    composite = is("composite");
    if (composite) {
        Stack.getDisplayMode(mode);
        Stack.getActiveChannels(active);
    }
    overlays = Overlay.size;
    if (overlays > 0) Overlay.copy;
    selectImage(result);
    if (info != "" && !endsWith(info, "\n")) info = info + "\n";
    setMetadata("Info", info + note);
    for (i = 0; i < properties.length; i++) {
        equals = indexOf(properties[i], "=");
        if (equals > 0) Property.set(substring(properties[i], 0, equals), substring(properties[i], equals + 1));
    }
    if (overlays > 0) Overlay.paste;
    if (composite) Stack.setDisplayMode(mode);
    if (bitDepth() != 24) {
        for (c = 1; c <= channels; c++) copyColours(original, result, c, channels);
    }
    if (composite) Stack.setActiveChannels(active);
    if (channels * slices * frames > 1) {
        Stack.setPosition(channel, slice, frame);
        selectImage(original);
        Stack.setPosition(channel, slice, frame);
    }
}

function copyColours(original, result, channel, channels) {
    selectImage(original);
    if (channels > 1) Stack.setChannel(channel);
    getLut(reds, greens, blues);
    getMinAndMax(min, max);
    selectImage(result);
    if (channels > 1) Stack.setChannel(channel);
    setLut(reds, greens, blues);
    setMinAndMax(min, max);
}

// the one that was named, the one that has installed this, the one of last time, that of the path, or the user knows
function findProgram(named) {
    if (named != "") {
        if (!isProgram(named)) exit("Denoise with n2d: " + named + " is not n2d.\nName the program n2d of noise2detail.");
        return named;
    }
    known = newArray(PROGRAM, call("ij.Prefs.get", KEY, ""), "n2d");
    for (i = 0; i < known.length; i++) if (known[i] != "") if (isProgram(known[i])) return known[i];
    if (headless) exit("Denoise with n2d: n2d was not found.\nName it: program=[/path/to/n2d]");
    Dialog.create("Where is n2d?");
    Dialog.addMessage("In a terminal in which n2d works, this prints where it is:\n    which n2d   (macOS, Linux)\n    where n2d   (Windows)");
    Dialog.addFile("Program n2d", "");
    Dialog.show();
    chosen = Dialog.getString();
    if (!isProgram(chosen)) exit("Denoise with n2d: " + chosen + " is not n2d.\nStart again, and name what `which n2d` or `where n2d` prints.");
    call("ij.Prefs.set", KEY, chosen);
    call("ij.Prefs.savePreferences");
    return chosen;
}

function isProgram(path) {
    return startsWith(exec(path, "--version"), "noise2detail ");
}

// the value of KEY=value or KEY=[a value with blanks]
function valueOf(wish, key, otherwise) {
    start = indexOf(" " + wish, " " + key + "=");
    if (start < 0) return otherwise;
    rest = substring(wish, start + lengthOf(key) + 1);
    closing = " ";
    if (startsWith(rest, "[")) {
        closing = "]";
        rest = substring(rest, 1);
    }
    end = indexOf(rest, closing);
    if (end < 0) end = lengthOf(rest);
    return substring(rest, 0, end);
}

// exec takes its words one by one, and so keeps blanks and quotes within each; their number is known only here
function execute(words) {
    code = "";
    for (i = 0; i < words.length; i++) code = code + ", " + quoted(words[i]);
    return eval("return exec(" + substring(code, 2) + ");");
}

function quoted(word) {
    text = "\"";
    for (i = 0; i < lengthOf(word); i++) {
        letter = substring(word, i, i + 1);
        if (letter == "\"" || letter == "\\") text = text + "\\";
        text = text + letter;
    }
    return text + "\"";
}

function newFolder() {
    do {
        folder = getDirectory("temp") + "n2d_" + floor(random() * 1e9) + File.separator;
    } while (File.exists(folder));
    File.makeDirectory(folder);
    return folder;
}

function remove(folder) {
    names = getFileList(folder);
    for (i = 0; i < names.length; i++) gone = File.delete(folder + names[i]);
    gone = File.delete(folder);
}

// what n2d says, out of the line of JSON that it prints
function reason(said, command) {
    start = indexOf(said, "\"error\": \"");
    if (start < 0) {
        line = "";
        for (i = 0; i < command.length; i++) line = line + command[i] + " ";
        return said + "\nRun this in a terminal, with an image of your own, to see why:\n" + line;
    }
    text = "";
    for (i = start + 10; i < lengthOf(said); i++) {
        letter = substring(said, i, i + 1);
        if (letter == "\"") return text;
        if (letter == "\\") {
            i++;
            letter = substring(said, i, i + 1);
            if (letter == "n") letter = "\n";
            if (letter == "t") letter = " ";
            if (letter == "u") {
                letter = fromCharCode(parseInt(substring(said, i + 1, i + 5), 16));
                i = i + 4;
            }
        }
        text = text + letter;
    }
    return text;
}

// a dialogue is as wide as its longest line
function wrapped(text) {
    lines = "";
    length = 0;
    words = split(text, " ");
    for (i = 0; i < words.length; i++) {
        if (length > 90) {
            lines = lines + "\n";
            length = 0;
        }
        lines = lines + words[i] + " ";
        length = length + lengthOf(words[i]) + 1;
    }
    return lines;
}
