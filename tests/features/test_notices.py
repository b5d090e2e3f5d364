"""Licences of the weights of others that a graph carries."""

from __future__ import annotations

from tembr.features.encoder import EncoderInput
from tembr.features.inputs import RepresentationInput
from tembr.features.notices import notice_text, notices
from tembr.features.settings import FeatureSettings

MFCC = RepresentationInput("mfcc", FeatureSettings())


def encoder(name: str, kind: str, layer: int = 3) -> EncoderInput:
    return EncoderInput(name, layer, 10.0, "revision", 512, 16_000, kind)


WHISPER = encoder("openai/whisper-base", "whisper")


def test_whispers_weights_are_of_openai_under_mit():
    assert notices([MFCC, WHISPER]) == {"openai/whisper-base (encoder)": "MIT, Copyright (c) 2022 OpenAI"}


def test_of_weights_that_are_not_known_the_publisher_is_named_to_be_asked():
    assert notices([encoder("someone/wavlm", "wavlm")]) == {
        "someone/wavlm (encoder)": "of its publisher: see there before you share it"
    }


def test_a_representation_brings_no_licence():
    assert (notices([MFCC]), notice_text([MFCC])) == ({}, "")


def test_two_layers_of_one_encoder_are_noticed_once():
    text = notice_text([WHISPER, encoder("openai/whisper-base", "whisper", layer=5)])
    assert text.count("MIT License") == 1


def test_a_text_names_the_encoder_and_who_holds_it():
    text = notice_text([WHISPER, encoder("someone/wavlm", "wavlm")])
    assert text.startswith("openai/whisper-base (encoder)\n\nMIT License\n\nCopyright (c) 2022 OpenAI\n")
    assert "wavlm" not in text and "{holder}" not in text


def test_the_folder_an_encoder_lies_in_is_not_told(tmp_path):
    (tmp_path / "mine").mkdir()
    assert list(notices([encoder(str(tmp_path / "mine"), "whisper")])) == ["mine (encoder)"]
