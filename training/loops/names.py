"""The second opinion that ships: ImageNet's classifier, and for each of its classes a word that songs sing.

Words come from WordNet, where ImageNet's classes come from too: the class itself or the
nearest hypernym that the songs know. What a song would rather call a thing is listed here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from model.checkpoint import save_checkpoint
from model.encoder import Encoder, imagenet_classifier
from model.errors import BadOption
from model.keywords import extract, sung
from model.lexicon import Lexicon
from model.recognition import ImageNetClassifier
from training.collecting.nltk_data import corpus
from training.corpora.features import pooled
from training.corpora.lexicon import ABSTRACT

Array = npt.NDArray[np.float32]

# A word sung less often than this is a stranger to the generator.
_SUNG = 10
# Of 16 to 256 directions, measured on pictures from elsewhere, more tell them apart a little better:
# the share of pairs in the right order is 0.92, 0.94, 0.96, 0.97 and 0.97.
_DIRECTIONS = 128
# So many of the held-back pictures are familiar.
_FAMILIAR = 0.98


def build(encoder: Encoder, lexicon: Lexicon, train: Array, dev: Array, output: Path) -> dict[str, float]:
    """Write the classifier, its names, and what the captioner's pictures look like.

    Args:
        encoder: the captioner's, whose features are used.
        lexicon: what songs sing.
        train: trunk activations of the captioner's pictures, see ``FeatureCache.trunk``.
        dev: of held-back ones, which say how strange a familiar picture may be.
        output: names.safetensors

    Returns:
        figures to print: classes, names, and the strangeness that bounds the familiar.

    Raises:
        BadOption: the backbone has no ImageNet classifier that can be had here.
        BadInput: WordNet is not installed.
    """
    weight, bias = imagenet_classifier(encoder.backbone)
    synsets = _synsets()
    if len(weight) != len(synsets):
        raise BadOption(f"{encoder.backbone} knows {len(weight)} classes, not ImageNet's {len(synsets)}.")
    names = [word and _phrase(word) for word in class_words(synsets, lexicon)]
    centre, directions = _familiar_space(pooled(encoder, train))
    known = ImageNetClassifier(weight.numpy(), bias.numpy(), names, centre, directions, 1.0)
    out_of_distribution_score = [known.out_of_distribution_score(row) for row in pooled(encoder, dev)]
    threshold = float(np.quantile(out_of_distribution_score, _FAMILIAR))
    arrays = {"weight": weight, "bias": bias, "centre": centre, "directions": directions}
    header = {"backbone": encoder.backbone, "names": names, "familiar": threshold}
    tensors = {name: torch.as_tensor(array) for name, array in arrays.items()}
    save_checkpoint(output, "names", header, tensors, half=True, int8=True)
    return {"classes": len(names), "names": len(known.names), "familiar": threshold}


def _familiar_space(features: Array) -> tuple[Array, Array]:
    """Mean (channels,) and principal directions (``_DIRECTIONS``, channels) of (pictures, channels)."""
    centre = features.mean(0)
    away = features - centre
    _, vectors = np.linalg.eigh(away.T @ away)
    return centre, np.ascontiguousarray(vectors.T[::-1][:_DIRECTIONS])


def _phrase(word: str) -> str:
    """A word with its article."""
    if word in _MASS:
        return word
    if word in _ONLY:
        return f"the {word}"
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def class_words(synsets: Sequence[str], lexicon: Lexicon) -> list[str | None]:
    """For each ImageNet synset ("n02123045") the word that a song would use."""
    wordnet = corpus("wordnet")
    return [_word(wordnet.synset_from_pos_and_offset("n", int(one[1:])), lexicon, wordnet) for one in synsets]


def _synsets() -> list[str]:
    """ImageNet's 1,000 classes in the classifier's order, from timm (Apache-2.0)."""
    from timm.data.imagenet_info import ImageNetInfo

    return [str(synset) for synset in ImageNetInfo("imagenet-1k").label_names()]


def _word(synset: Any, lexicon: Lexicon, wordnet: Any) -> str | None:
    chosen = _chosen()
    ancestry = list(_upwards(synset))
    for one in ancestry:
        name = one.lemma_names()[0].lower()
        if name in chosen:
            return chosen[name]
    for one in ancestry:
        names = [name.lower() for name in one.lemma_names()]
        # "wall_clock" ends in a word for what it is, "espresso_maker" does not.
        heads = [name.rpartition("_")[2] for name in names if "_" in name]
        kinds = {one, *one.closure(lambda s: s.hypernyms())}
        fitting = [head for head in heads if kinds & set(wordnet.synsets(head, "n"))]
        known = [word for word in (*names, *fitting) if _singable(word, lexicon)]
        if known:
            return known[0]
    return None


def _upwards(synset: Any) -> Iterator[Any]:
    """The synset and what is above it, the nearest first."""
    yield synset
    yield from synset.closure(lambda one: one.hypernyms())


def _singable(word: str, lexicon: Lexicon) -> bool:
    """Whether a caption of the word alone asks for just that word."""
    return word not in _VAGUE and sung(word, lexicon) >= _SUNG and extract(word, lexicon) == [word]


# What a song would call it. Names are WordNet's first ones, of the class or of anything above it.
_CHOSEN = """
dog: dog
cat: domestic_cat lynx
leopard: leopard snow_leopard jaguar cheetah
panther: cougar
wolf: wild_dog hyena
snake: snake
lizard: lizard komodo_dragon
crocodile: crocodilian_reptile
turtle: turtle
frog: frog salamander
dragon: dinosaur
worm: nematode flatworm
snail: gastropod chambered_nautilus chiton
lobster: lobster crayfish
crab: hermit_crab
fish: fish
sea: jellyfish sea_anemone echinoderm dugong coral
shell: conch
seal: seal
whale: whale
beetle: beetle
fly: lacewing dragonfly damselfly leafhopper cicada
butterfly: butterfly
spider: harvestman
bird: passerine piciform_bird bustard ostrich hornbill toucan jacamar bee_eater hummingbird
bird: penguin wading_bird albatross flamingo
owl: owl
hawk: kite
robin: robin
magpie: magpie
jay: jay
heron: heron
stork: stork
crane: crane
pelican: pelican
parrot: parrot
duck: duck
goose: goose
swan: black_swan
cock: cock
hen: hen
partridge: grouse
peacock: peacock
quail: quail
mouse: hamster guinea_pig
squirrel: marmot
hedgehog: porcupine echidna
rabbit: rabbit
weasel: weasel mink polecat black-footed_ferret mongoose meerkat skunk
otter: otter platypus
badger: badger armadillo
bear: procyonid giant_panda koala sloth
kangaroo: wallaby wombat
monkey: monkey lemur
ape: ape
elephant: elephant
boar: wild_boar hippopotamus warthog
pig: hog
horse: sorrel zebra
camel: camel llama
cattle: ox
buffalo: water_buffalo bison
sheep: bighorn
goat: ibex
antelope: antelope
car: motor_vehicle car_mirror grille
bike: bicycle motorcycle tricycle unicycle motor_scooter
wheel: disk_brake
train: locomotive bullet_train passenger_car freight_car streetcar
bus: public_transport school_bus minibus trolleybus
plane: airliner warplane
rocket: missile space_shuttle projectile
ship: ship
boat: boat
sail: sailing_vessel yawl
sleigh: sled snowmobile
snow: snowplow ski ski_mask
tank: tank half_track
plough: tractor thresher harvester plow
cart: cart wagon jinrikisha shopping_cart golfcart go-kart forklift
music: musical_instrument
piano: keyboard_instrument grand_piano upright
organ: organ accordion
fiddle: violin cello
guitar: guitar banjo
drum: drum drumstick maraca
bell: chime gong
phone: telephone cellular_telephone
flute: flute panpipe oboe ocarina bassoon
harp: harp
horn: cornet french_horn trombone sax
microphone: microphone
radio: loudspeaker radio
stage: stage theater_curtain
camera: photographic_equipment polaroid_camera reflex_camera lens_cap
picture: projector
laptop: laptop notebook
screen: computer mouse monitor screen television ipod entertainment_center
screen: oscilloscope cd_player cassette_player modem hard_disc cassette tape_player
keyboard: computer_keyboard typewriter_keyboard space_bar
paper: printer photocopier packet toilet_tissue paper_towel
page: menu web_site
book: book_jacket comic_book binder bookcase library bookshop
letter: envelope
puzzle: crossword_puzzle jigsaw_puzzle
pencil: pencil_sharpener rubber_eraser pencil_box
ink: fountain_pen ballpoint
brush: paintbrush
kitchen: home_appliance stove
kitchen: crock_pot dutch_oven kitchen_utensil can_opener strainer
iron: iron
bath: washbasin
soap: soap_dispenser lotion
wash: washer plunger
perfume: hair_spray
bed: four-poster
couch: studio_couch
room: entertainment_center wardrobe medicine_chest china_cabinet
cradle: crib bassinet cradle
table: dining_table restaurant desk
chair: chair barber_chair
bench: park_bench
chest: chest chiffonier
lamp: lamp lampshade spotlight
light: torch traffic_light
clock: clock
watch: watch stopwatch
hour: hourglass
sun: sundial
window: window_screen window_shade
curtain: shower_curtain
door: sliding_door
stair: bannister
fence: fence chainlink_fence stone_wall
wall: dam
pier: breakwater
bridge: bridge
tower: beacon water_tower obelisk
temple: mosque stupa
cloister: monastery
palace: palace
church: church bell_cote vault
house: mobile_home yurt cinema home_theater cliff_dwelling birdhouse boathouse
tent: mountain_tent
bubble: bubble
garden: greenhouse patio
bee: apiary honeycomb
mill: lumbermill
shop: mercantile_establishment bakery shoe_shop toyshop tobacco_shop
market: grocery_store
stone: megalith
monument: triumphal_arch brass totem_pole
mask: mask gasmask oxygen_mask
coat: overgarment fur_coat lab_coat trench_coat cardigan sweatshirt
cloak: cloak poncho
gown: gown academic_gown hoopskirt
robe: abaya kimono vestment
suit: suit bow_tie windsor_tie bolo_tie
swim: swimsuit swimming_trunks bathing_cap snorkel
sleep: pajama
baby: diaper bib
shoe: loafer running_shoe sandal
boot: cowboy_boot
hat: hat mortarboard
hair: wig hair_slide hand_blower
lip: lipstick
necklace: necklace
powder: face_powder
helmet: helmet crash_helmet pickelhaube
armor: cuirass breastplate chain_mail bulletproof_vest
soldier: military_uniform
gun: gun rifle revolver assault_rifle
knife: cleaver letter_opener
axe: hatchet
hammer: hammer
mirror: mirror
glass: sunglasses sunglass binoculars loupe beaker beer_glass
wine: wine_bottle red_wine corkscrew
beer: beer_bottle
bottle: bottle
jug: pitcher whiskey_jug water_jug
tea: teapot
coffee: coffeepot espresso espresso_maker coffee_mug
cup: cup eggnog measuring_cup
salt: saltshaker
spoon: ladle spatula wooden_spoon
dish: petri_dish
bowl: bowl soup_bowl
soup: soup hot_pot
pan: frying_pan wok
pot: caldron
bag: backpack plastic_bag mailbag
purse: purse wallet piggy_bank
box: carton crate mailbox
chain: chain
lock: combination_lock padlock
needle: sewing_machine syringe thimble safety_pin
thread: spindle
wool: wool
ball: ball puck racket
ride: carousel
swing: swing
toy: teddy pinwheel
play: scoreboard
doctor: stethoscope
wound: band_aid crutch stretcher neck_brace
star: radio_telescope planetarium
compass: magnetic_compass
street: street_sign parking_meter
sky: parachute airship balloon
pole: flagpole maypole
umbrella: umbrella
fountain: fountain
coral: brain_coral coral_reef
mountain: alp volcano
shore: seashore promontory
sand: sandbar
lake: lakeside
spring: geyser
cliff: cliff
flower: flower daisy rapeseed
nut: buckeye
berry: hip
corn: corn ear
mushroom: fungus
cabbage: cruciferous_vegetable head_cabbage broccoli cauliflower
garden: vegetable artichoke cardoon cucumber
pumpkin: squash jack-o'-lantern
apple: granny_smith custard_apple
fruit: edible_fruit lemon
orange: orange
fig: fig
strawberry: strawberry
pizza: pizza
sandwich: sandwich cheeseburger burrito hotdog
bread: bread bagel pretzel dough
cake: dessert chocolate_sauce
ice: frozen_dessert ice_lolly
pie: potpie
meat: meat_loaf
feast: dish carbonara guacamole plate
boy: ballplayer
bride: groom
dive: scuba_diver
"""

_MASS = frozenset(
    """armor beer bread cattle coffee coral corn cream fruit hair hay ice ink iron linen meat music paper
    perfume play powder salt sand sleep snow soap soup tea thatch thread velvet wash wine wool""".split()
)
_ONLY = frozenset("sea sky sun shore".split())

# Hypernyms so general that they say nothing, and words whose sense in a song is another.
_VAGUE = ABSTRACT | frozenset(
    """animal being thing structure building stuff food material substance covering implement instrument
    tool craft vehicle garment wear clothing equipment system area surface mechanism machine container
    vessel consumer fabric cloth furniture brute good transport produce game piece protection support
    shelter dwelling habitation barrier rail gear control measure brass wood press file bob rig case
    clog coil knot lighter slot pick plate hook comfort round grand bank fare patch dip rule remote
    vesture restraint filter top switch scale weight reel rack tick tin safe column comforter""".split()
)


def _chosen() -> dict[str, str]:
    rows = (line.split(": ") for line in _CHOSEN.strip().splitlines())
    return {name: word for word, names in rows for name in names.split()}
