// Images of every kind go through the macro; what ImageJ says of the results is printed, the results are saved.
argument = split(getArgument(), "\n");
MACRO = argument[0];
DESK = argument[1];
FAKE = argument[2];
setBatchMode(true);
random("seed", 3);

newImage("cells.tif", "16-bit composite-mode", 30, 24, 2, 3, 1);
for (i = 1; i <= 6; i++) {
    setSlice(i);
    setMetadata("Label", "plane " + i);
    for (x = 0; x < 30; x++) for (y = 0; y < 24; y++) setPixel(x, y, 400 * i + 60 * random("gaussian"));
}
setVoxelSize(0.25, 0.2, 0.5, "um");
setMetadata("Info", "a note");
Property.set("objective", "63x");
for (c = 1; c <= 2; c++) {
    Stack.setChannel(c);
    setMinAndMax(10 * c, 2000 * c);
    getLut(reds, greens, blues);
    for (i = 0; i < 256; i++) reds[i] = i / c;
    setLut(reds, greens, blues);
}
Stack.setDisplayMode("color");
Stack.setPosition(2, 3, 1);
makeOval(2, 2, 9, 5);
Overlay.addSelection;
makeRectangle(3, 4, 7, 8);
cells = getImageID();
runMacro(MACRO, "method=gaussian options=[--set sigma=0.8]");
told("cells");
saveAs("Tiff", DESK + "cells_result.tif");
close();
selectImage(cells);
getSelectionBounds(x, y, width, height);
print("selection " + x + " " + y + " " + width + " " + height);
told("original");
saveAs("Tiff", DESK + "cells_original.tif");
close();

// a program that gives back what it is given: whatever differs is the macro's doing
kinds = newArray("8-bit", "32-bit", "RGB", "RGB stack", "16-bit time");
for (k = 0; k < kinds.length; k++) {
    if (k < 3) newImage(kinds[k], kinds[k] + " ramp", 20, 16, 1);
    if (k == 3) newImage(kinds[k], "RGB ramp", 20, 16, 3);
    if (k == 4) {
        newImage(kinds[k], "16-bit ramp grayscale-mode", 20, 16, 1, 1, 4);
        Stack.setFrameInterval(2.5);
        Stack.setPosition(1, 1, 3);
    }
    if (k == 0) {
        getLut(reds, greens, blues);
        for (i = 0; i < 256; i++) reds[i] = 255 - i;
        setLut(reds, greens, blues);
    }
    if (bitDepth() != 24) setMinAndMax(20, 90);
    original = getImageID();
    runMacro(MACRO, "method=gaussian program=[" + FAKE + "]");
    told(kinds[k]);
    saveAs("Tiff", DESK + kinds[k] + "_result.tif");
    close();
    selectImage(original);
    saveAs("Tiff", DESK + kinds[k] + "_original.tif");
    close();
}
print("open " + nImages);

function told(name) {
    Stack.getPosition(channel, slice, frame);
    mode = "none";
    if (is("composite")) Stack.getDisplayMode(mode);
    print(name + " " + getTitle() + " " + bitDepth() + " at " + channel + " " + slice + " " + frame + " mode " + mode + " overlay " + Overlay.size);
    print(name + " objective=" + Property.get("objective") + " folder=<" + getInfo("image.directory") + ">");
}
