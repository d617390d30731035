"""What can be chosen about the denoising: one box, and the rest behind "More"."""

from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QFormLayout, QSizePolicy, QSpinBox, QToolButton, QVBoxLayout, QWidget

from noise2detail.napari.choices import METHODS
from noise2detail.napari.jobs import Settings

RECIPE_WORDS = {
    "fast": "quickest; for looking through many images",
    "standard": "the default: about as good as best, in seconds",
    "best": "the most careful; takes several times as long",
    "paper": "exactly as published",
}
NEIGHBOURS = (
    ("auto", "auto", "Measured: neighbours take part where their noise is independent and they gain something."),
    ("none", 0, "Each plane by itself."),
    ("1 on each side", 1, "One plane before and one after help to denoise a plane."),
    ("2 on each side", 2, "Two planes before and two after help to denoise a plane."),
    ("3 on each side", 3, "Three planes before and three after help to denoise a plane."),
)
FITS = (
    ("auto", "auto", "Decided by the size of the stack and by how much its planes differ."),
    ("for each plane", "plane", "Each plane has a training of its own: slow, and safe where planes differ."),
    (
        "one for all planes",
        "shared",
        "One training on planes of the whole stack: quick, and intensities stay alike.",
    ),
    ("going on from plane to plane", "warm", "Each training starts from the one before, with a tenth of the steps."),
)
CHANNELS = (
    ("together", "joint", "Channels help each other, where they show the same structures."),
    ("one by one", "each", "No channel can leave a trace in another."),
)
DEVICES = (
    ("auto", "auto", "A graphics processor if PyTorch finds one, else the processor."),
    ("cpu", "cpu", "The processor, which always works."),
    ("cuda", "cuda", "A graphics processor by NVIDIA, or by AMD with PyTorch for ROCm."),
    ("mps", "mps", "The graphics processor of an Apple computer."),
)
MEMORY = (
    ("auto", None, "What is fastest."),
    *(
        (f"{size} GB", f"{size}GB", "On top of the image itself: smaller pieces where it would be more.")
        for size in (1, 2, 4, 8)
    ),
)


class SettingsPanel(QWidget):
    """The controls for one ``Settings``."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.recipe, self.method = _box(()), _box(())
        self.neighbours = _box(NEIGHBOURS)
        self.fit = _box(FITS)
        self.channels = _box(CHANNELS)
        self.device = _box(DEVICES)
        self.memory = _box(MEMORY)
        self.seed = QSpinBox()
        self.seed.setRange(0, 2**31 - 1)
        self.anyway = QCheckBox("Denoise an&yway")
        for name, choice in METHODS.items():
            self.method.addItem(name, name)
            words = f"{choice.title}; about {choice.seconds:g} s for 512x512 pixels on two cores"
            self.method.setItemData(self.method.count() - 1, words, Qt.ItemDataRole.ToolTipRole)
        self._lay_out()
        self._explain()
        self._offer_recipes()
        self.method.currentIndexChanged.connect(self._offer_recipes)
        for box in (self.recipe, self.method, self.neighbours, self.fit, self.channels, self.device, self.memory):
            box.currentIndexChanged.connect(lambda _: self.changed.emit())
        self.seed.valueChanged.connect(lambda _: self.changed.emit())
        self.anyway.toggled.connect(lambda _: self.changed.emit())

    def settings(self) -> Settings:
        """As they are chosen now."""
        wishes = {
            "neighbours": (self.neighbours.currentData(), "auto"),
            "fit": (self.fit.currentData(), "auto"),
            "channels": (self.channels.currentData(), "joint"),
            "device": (self.device.currentData(), "auto"),
            "max_memory": (self.memory.currentData(), None),
            "anyway": (self.anyway.isChecked(), False),
        }
        run: dict[str, Any] = {name: value for name, (value, default) in wishes.items() if value != default}
        return Settings(self.method.currentData(), self.recipe.currentData(), seed=self.seed.value(), run=run)

    def show_stack_choices(self, axes: str) -> None:
        """Offer what concerns stacks and channels only where the image has them."""
        stack = "T" in axes or "Z" in axes
        for box, offered in (
            (self.neighbours, stack),
            (self.fit, stack),
            (self.channels, "C" in axes or "S" in axes),
        ):
            box.setEnabled(offered)

    def _offer_recipes(self) -> None:
        """Those of the method, its default first chosen."""
        method = METHODS[self.method.currentData()]
        wished = self.recipe.currentData()
        self.recipe.blockSignals(True)
        self.recipe.clear()
        for name in sorted(method.recipes, key=_order):
            self.recipe.addItem(name, name)
            self.recipe.setItemData(self.recipe.count() - 1, RECIPE_WORDS.get(name, ""), Qt.ItemDataRole.ToolTipRole)
        chosen = wished if wished in method.recipes else method.recipes[0]
        self.recipe.setCurrentIndex(self.recipe.findData(chosen))
        self.recipe.blockSignals(False)

    def _lay_out(self) -> None:
        always, rest = QFormLayout(), QFormLayout()
        for form in (always, rest):
            form.setContentsMargins(0, 0, 0, 0)
            form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        always.addRow("&Quality", self.recipe)
        for label, control in (
            ("&Method", self.method),
            ("Nei&ghbours", self.neighbours),
            ("&Training", self.fit),
            ("Cha&nnels", self.channels),
            ("&Device", self.device),
            ("Memory", self.memory),
            ("Seed", self.seed),
        ):
            rest.addRow(label, control)
        rest.addRow(self.anyway)
        self.more = QToolButton()
        self.more.setText("M&ore")
        self.more.setCheckable(True)
        self.more.setArrowType(Qt.ArrowType.RightArrow)
        self.more.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        hidden = QWidget()
        hidden.setLayout(rest)
        hidden.setVisible(False)
        self.more.toggled.connect(hidden.setVisible)
        self.more.toggled.connect(
            lambda open_: self.more.setArrowType(Qt.ArrowType.DownArrow if open_ else Qt.ArrowType.RightArrow)
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(always)
        column.addWidget(self.more)
        column.addWidget(hidden)

    def _explain(self) -> None:
        for control, name, words in (
            (self.recipe, "Quality", "How much time is spent: fast, standard or best."),
            (self.method, "Method", "auto measures the noise and decides. The others are published methods."),
            (self.neighbours, "Neighbours", "Of a stack: planes that help to denoise the one between them."),
            (self.fit, "Training", "Of a stack: how many trainings there are."),
            (self.channels, "Channels", "Whether channels, or red, green and blue, are trained together."),
            (self.device, "Device", "Where it is computed."),
            (self.memory, "Memory", "A limit of memory, for images that are too large otherwise."),
            (self.seed, "Seed", "Of every random choice: the same seed gives the same result on the same machine."),
            (self.anyway, "Denoise anyway", "Also where that would do harm, as where no noise is found or in a mask."),
            (self.more, "More settings", "Show or hide the settings that are rarely changed."),
        ):
            control.setToolTip(words)
            control.setAccessibleName(name)
            control.setAccessibleDescription(words)


def _box(items: tuple[tuple[str, Any, str], ...]) -> QComboBox:
    """A list of choices, each with its value and its meaning."""
    box = QComboBox()
    for label, value, words in items:
        box.addItem(label, value)
        box.setItemData(box.count() - 1, words, Qt.ItemDataRole.ToolTipRole)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(8)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return box


def _order(recipe: str) -> tuple[int, str]:
    known = ("fast", "standard", "best", "paper")
    return (known.index(recipe) if recipe in known else len(known)), recipe
